/** The client_id of tokens that people get by logging in. */
export const LOGIN_CLIENT = 'portcullis';
