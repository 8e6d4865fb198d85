/** The options of `portcullis token sign`. */
export interface SignOptions {
  ttl: number;
  audience?: string;
  subject?: string;
  role?: string[];
  permission?: string[];
  permissions?: string;
  claims?: string;
  key?: string;
  passphraseFile?: string;
  pss?: boolean;
  kid?: string;
  typ: string;
}
