import { Field, ID, ObjectType } from 'type-graphql';
import { PrincipalKind } from './enums.js';
import { SafeInt } from './scalars.js';

@ObjectType({ description: 'A user or a service account of an organization.', simpleResolvers: true })
export class Principal {
  @Field(() => ID, { description: 'The id in the system that issues the credentials.' })
  id!: string;

  @Field(() => PrincipalKind, { description: 'User or service account.' })
  kind!: keyof typeof PrincipalKind;

  @Field(() => String, { description: 'A name for people; null if none is known.', nullable: true })
  name!: string | null;
}

@ObjectType('Viewer', { description: 'Who asks, and what the credential permits.', simpleResolvers: true })
export class ViewerType {
  @Field(() => Principal, { description: 'The user or service account.' })
  principal!: Principal;

  @Field(() => ID, { description: 'The organization that the credential belongs to.' })
  organizationId!: string;

  @Field(() => [String], {
    description: 'The names of what the credential permits, such as attachments:read.',
  })
  permissions!: string[];
}

@ObjectType({
  description: 'The storage that an organization has taken, and may take.',
  simpleResolvers: true,
})
export class Usage {
  @Field(() => SafeInt, { description: 'Of distinct stored contents, versions and trash included.' })
  bytes!: number;

  @Field(() => SafeInt, { nullable: true, description: 'Null: no bound.' })
  maxBytes!: number | null;

  @Field(() => SafeInt, { description: 'Attachments that there are, unclaimed ones and trash included.' })
  attachments!: number;

  @Field(() => SafeInt, { nullable: true, description: 'Null: no bound.' })
  maxAttachments!: number | null;
}
