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
