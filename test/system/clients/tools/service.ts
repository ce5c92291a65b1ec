/** The service that a program talks to, and the key that it talks with. */
export interface Service {
  /** Such as `http://127.0.0.1:4000/graphql`. */
  url: string;
  key: string;
}
