export interface BuiltInMember {
  owner: string;
  member: string;
  value: unknown;
}

const owners = { Object: Object.prototype, Function: Function.prototype, Array: Array.prototype };

/** The own members of the built-in prototypes, and those of the functions among them: what a hostile map tries to change. */
export function builtInMembers(): BuiltInMember[] {
  return Object.entries(owners).flatMap(([owner, prototype]) => {
    const members = membersOf(owner, prototype);
    return [...members, ...members.flatMap(membersOfFunction)];
  });
}

function membersOfFunction({ owner, member, value }: BuiltInMember): BuiltInMember[] {
  return typeof value === 'function' ? membersOf(`${owner}.${member}`, value) : [];
}

function membersOf(owner: string, object: object): BuiltInMember[] {
  return Reflect.ownKeys(object).map((key) => ({
    owner,
    member: String(key),
    value: Reflect.getOwnPropertyDescriptor(object, key)?.value,
  }));
}
