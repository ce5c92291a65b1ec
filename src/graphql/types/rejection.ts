import { Field, ObjectType } from 'type-graphql';
import { RejectionReason } from './enums.js';
import { DateTime } from './scalars.js';

@ObjectType({ simpleResolvers: true })
export class Rejection {
  @Field(() => RejectionReason)
  reason!: keyof typeof RejectionReason;

  @Field(() => String)
  message!: string;

  @Field(() => String, { nullable: true, description: 'What the scanner calls it.' })
  signature!: string | null;

  @Field(() => DateTime)
  rejectedAt!: Date;
}
