import { Field, ID, ObjectType } from 'type-graphql';
import { PrincipalKind } from './enums.js';

@ObjectType({ simpleResolvers: true })
export class Principal {
  @Field(() => ID)
  id!: string;

  @Field(() => PrincipalKind)
  kind!: keyof typeof PrincipalKind;

  @Field(() => String, { nullable: true })
  name!: string | null;
}

@ObjectType('Viewer', { description: 'Who asks, and what the credential permits.', simpleResolvers: true })
export class ViewerType {
  @Field(() => Principal)
  principal!: Principal;

  @Field(() => ID)
  organizationId!: string;

  @Field(() => [String])
  permissions!: string[];
}
