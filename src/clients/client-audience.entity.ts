import { Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

@Entity('client_audiences')
@Index('client_audiences_audience', ['audience'])
export class ClientAudience {
  @ForeignKey('clients', 'clientId', { name: 'client_audiences_client', onUpdate: 'CASCADE', onDelete: 'CASCADE' })
  @PrimaryColumn('text', { name: 'client_id', primaryKeyConstraintName: 'client_audiences_pkey' })
  clientId: string;

  @ForeignKey('audiences', 'identifier', {
    name: 'client_audiences_identifier',
    onUpdate: 'CASCADE',
    onDelete: 'CASCADE',
  })
  @PrimaryColumn('text', { primaryKeyConstraintName: 'client_audiences_pkey' })
  audience: string;
}
