/*
 * TypeORM's values, for all of src/. `import` would read and parse its 400 CommonJS files for their names before it loads them:
 * a fifth of a second of every command and start.
 */
import typeorm = require('typeorm');

export import And = typeorm.And;
export import Column = typeorm.Column;
export import DataSource = typeorm.DataSource;
export import Entity = typeorm.Entity;
export import EntityManager = typeorm.EntityManager;
export import Equal = typeorm.Equal;
export import ForeignKey = typeorm.ForeignKey;
export import In = typeorm.In;
export import Index = typeorm.Index;
export import IsNull = typeorm.IsNull;
export import LessThan = typeorm.LessThan;
export import LessThanOrEqual = typeorm.LessThanOrEqual;
export import MoreThan = typeorm.MoreThan;
export import Not = typeorm.Not;
export import PrimaryColumn = typeorm.PrimaryColumn;
export import QueryFailedError = typeorm.QueryFailedError;
export import QueryRunnerAlreadyReleasedError = typeorm.QueryRunnerAlreadyReleasedError;
export import QueryRunnerProviderAlreadyReleasedError = typeorm.QueryRunnerProviderAlreadyReleasedError;
export import Table = typeorm.Table;
export import TableColumn = typeorm.TableColumn;
export import TableForeignKey = typeorm.TableForeignKey;
export import TableIndex = typeorm.TableIndex;
