import { Arg, Ctx, Int, Mutation, Query, Resolver } from 'type-graphql';
import { createUploadTarget, offerUpload } from '../../intake/create-upload-target.js';
import { findTarget, progressOf } from '../../intake/find-target.js';
import {
  abortUploadTarget,
  completeUploadTarget,
  listUploadParts,
  signUploadParts,
} from '../../intake/upload-parts.js';
import type { GraphqlContext } from '../context.js';
import {
  AbortUploadTargetPayload,
  CompleteUploadTargetPayload,
  CreateUploadTargetPayload,
  SignUploadPartsPayload,
} from '../types/payloads.js';
import {
  AbortUploadTargetInput,
  CompleteUploadTargetInput,
  CreateUploadTargetInput,
  SignUploadPartsInput,
  toUploadPart,
  toUploadPartTarget,
  toUploadTarget,
  UploadPart,
  UploadTarget,
} from '../types/upload.js';

/** Targets of bytes that go past GraphQL. */
@Resolver()
export class Uploads {
  @Query(() => UploadTarget, {
    nullable: true,
    description: "A target of the viewer's own; null where there is none.",
  })
  async uploadTarget(
    @Arg('documentKey', () => String, { description: 'The key that the target has given out.' })
    documentKey: string,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<UploadTarget | null> {
    const found = await findTarget(deps, viewer, documentKey);
    return found && toUploadTarget(found, await offerUpload(deps, found));
  }

  @Query(() => [UploadPart], {
    description: "Parts that the store has of a target of the viewer's own, in the order of their places.",
  })
  async uploadParts(
    @Arg('documentKey', () => String, { description: 'The key of a target made with S3_MULTIPART.' })
    documentKey: string,
    @Arg('after', () => Int, { nullable: true, description: 'Only parts behind this place; null: all.' })
    after: number | null | undefined,
    @Arg('first', () => Int, { nullable: true, description: 'At most 1,000; null: as many.' })
    first: number | null | undefined,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<UploadPart[]> {
    return (await listUploadParts(deps, viewer, { documentKey, after, first })).map(toUploadPart);
  }

  @Mutation(() => CreateUploadTargetPayload, {
    description: 'Makes a URL that takes the bytes of one file, past GraphQL.',
  })
  async createUploadTarget(
    @Arg('input', () => CreateUploadTargetInput) input: CreateUploadTargetInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CreateUploadTargetPayload> {
    const { contentType = null, digest = null, policy = null } = input;
    const target = await createUploadTarget(deps, viewer, { ...input, contentType, digest, policy });
    const progress = progressOf(target, deps.clock());
    return { target: toUploadTarget(progress, await offerUpload(deps, target)) };
  }

  @Mutation(() => SignUploadPartsPayload, {
    description: 'Makes URLs that take parts of a target. The target lives on from then.',
  })
  async signUploadParts(
    @Arg('input', () => SignUploadPartsInput) input: SignUploadPartsInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<SignUploadPartsPayload> {
    return { parts: (await signUploadParts(deps, viewer, input)).map(toUploadPartTarget) };
  }

  @Mutation(() => CompleteUploadTargetPayload, {
    description:
      'Finishes a target all of whose parts have come: then createAttachment takes its key. Once more is as good.',
  })
  async completeUploadTarget(
    @Arg('input', () => CompleteUploadTargetInput) { documentKey }: CompleteUploadTargetInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<CompleteUploadTargetPayload> {
    const target = await completeUploadTarget(deps, viewer, documentKey);
    const progress = progressOf(target, deps.clock());
    return { target: toUploadTarget(progress, await offerUpload(deps, target)) };
  }

  @Mutation(() => AbortUploadTargetPayload, {
    description: 'Ends a target whose bytes are not wanted any more. Parts that have come are removed.',
  })
  async abortUploadTarget(
    @Arg('input', () => AbortUploadTargetInput) { documentKey }: AbortUploadTargetInput,
    @Ctx() { deps, viewer }: GraphqlContext,
  ): Promise<AbortUploadTargetPayload> {
    await abortUploadTarget(deps, viewer, documentKey);
    return { documentKey };
  }
}
