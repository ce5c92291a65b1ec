import { Arg, Args, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { countEvents, listEvents } from '../../audit/list-events.js';
import { toPrincipalId } from '../../auth/organizations.js';
import { toPageRequest } from '../../database/page.js';
import type { GraphqlContext } from '../context.js';
import { AuditEvent, AuditEventConnection, AuditFilterInput, toAuditEvent } from '../types/audit-event.js';
import { type ConnectionOf, connect } from '../types/connection.js';
import { PageArgs } from '../types/inputs.js';
import { Principal } from '../types/principal.js';

@Resolver(() => AuditEvent)
export class Audit {
  @Query(() => AuditEventConnection, {
    description: "Who did what in the viewer's organization, the newest first.",
  })
  async auditLog(
    @Args(() => PageArgs) page: PageArgs,
    @Arg('filter', () => AuditFilterInput, { description: 'The conditions; null: none.', nullable: true })
    filter: AuditFilterInput | null | undefined,
    @Ctx() context: GraphqlContext,
  ): Promise<ConnectionOf<AuditEvent>> {
    const { organizationId } = context.viewer;
    const principalId =
      filter?.principalId && (await toPrincipalId(context.reader, organizationId, filter.principalId));
    const conditions = { ...filter, principalId };
    return connect(
      toPageRequest(page),
      (request) => context.list((read) => listEvents(read, organizationId, conditions, request)),
      toAuditEvent,
      () => context.list((read) => countEvents(read, organizationId, conditions)),
    );
  }

  @FieldResolver(() => Principal, {
    nullable: true,
    description: 'Null where it was the service, its operator, or whoever has a signed URL.',
  })
  async principal(
    @Root() { principalId: id }: AuditEvent,
    @Ctx() { loaders }: GraphqlContext,
  ): Promise<Principal | null> {
    return id === null ? null : ((await loaders.principal.load(id)) ?? { id, kind: 'USER', name: null });
  }
}
