import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A named set of permissions. A trigger counts `version` up and sets `updatedAt` with every update. */
@Entity('roles')
@Check('roles_name_shape', String.raw`name ~ '^\S+$'`)
export class Role {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'roles_pkey' })
  name: string;

  @Column('text', { nullable: true })
  description: string | null;

  @Column('boolean', { name: 'built_in', default: false })
  builtIn: boolean;

  @Column('integer', { default: 1 })
  version: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'clock_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'clock_timestamp()' })
  updatedAt: Date;
}
