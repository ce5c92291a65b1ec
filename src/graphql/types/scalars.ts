import { GraphQLScalarType } from 'graphql';
import { GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt, GraphQLURL } from 'graphql-scalars';
import { GraphQLUpload } from 'graphql-upload-minimal';

const described = (scalar: GraphQLScalarType, description: string): GraphQLScalarType =>
  new GraphQLScalarType({ ...scalar.toConfig(), description });

export const DateTime = described(GraphQLDateTime, 'RFC 3339 instant, UTC, millisecond precision.');
export const SafeInt = described(GraphQLSafeInt, 'Integer in ±(2^53-1). Every size is in bytes.');
export const Url = described(GraphQLURL, 'An absolute URL.');
export const JsonObject = described(GraphQLJSONObject, 'A JSON object.');
export const Upload = described(GraphQLUpload, 'A file part of a GraphQL multipart request.');
