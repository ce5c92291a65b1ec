import { idColumn, instantColumn, textColumn } from '../columns.js';
import { Column, Entity, PrimaryColumn } from '../typeorm.js';

/** A tenant. Nothing of one organization exists for another. */
@Entity('organizations')
export class OrganizationRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(textColumn('name', 255))
  name!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}

/** A user or service account that has a key or has created something. */
@Entity('principals')
export class PrincipalRow {
  @PrimaryColumn(idColumn('organization_id'))
  organizationId!: string;

  @PrimaryColumn(textColumn('id', 255))
  id!: string;

  @Column(textColumn('kind', 16))
  kind!: 'USER' | 'SERVICE';

  @Column({ ...textColumn('name', 255), nullable: true })
  name!: string | null;
}
