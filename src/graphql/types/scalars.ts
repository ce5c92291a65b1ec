import { GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt, GraphQLURL } from 'graphql-scalars';
import { GraphQLUpload } from 'graphql-upload-minimal';
import { Field, ID, InterfaceType } from 'type-graphql';

const described = (scalar: GraphQLScalarType, description: string, specifiedByURL?: string) => {
  const config = scalar.toConfig();
  return new GraphQLScalarType({
    ...config,
    description,
    specifiedByURL: specifiedByURL ?? config.specifiedByURL,
  });
};

/** Serialized to text, not to a Date that `JSON.stringify` would have to ask for its text. */
export const DateTime = new GraphQLScalarType({
  ...GraphQLDateTime.toConfig(),
  description: 'RFC 3339 instant, UTC, millisecond precision.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => GraphQLDateTime.serialize(value).toISOString(),
});
export const SafeInt = described(GraphQLSafeInt, 'Integer in ±(2^53-1). Every size is in bytes.');
export const Url = described(GraphQLURL, 'An absolute URL.', 'https://url.spec.whatwg.org/');
export const JsonObject = described(
  GraphQLJSONObject,
  'A JSON object. A number that a double cannot hold exactly is refused.',
);
export const Upload = described(
  GraphQLUpload,
  'A file part of a GraphQL multipart request.',
  'https://github.com/jaydenseric/graphql-multipart-request-spec',
);

@InterfaceType({
  description:
    'An object with an id that is unique among all objects, as Relay and normalizing caches expect.',
})
export abstract class Node {
  @Field(() => ID, { description: 'Opaque. It finds the object by node(id).' })
  id!: string;
}
