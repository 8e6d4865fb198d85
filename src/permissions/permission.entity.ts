import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The right to do one thing, `resource:action`. Those built in guard Portcullis itself; teams add their own for their services. */
@Entity('permissions')
@Check('permissions_name_shape', String.raw`name ~ '^\S+$'`)
export class Permission {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'permissions_pkey' })
  name: string;

  @Column('text', { nullable: true })
  description: string | null;

  @Column('boolean', { name: 'built_in', default: false })
  builtIn: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;
}
