import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { AnyVariables } from '@urql/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { type Api, RefusedError } from './api';
import { useReach } from './reach';

export interface Answer<Data> {
  /** The last answer to these variables; null until there is one. */
  data: Data | null;
  error: RefusedError | null;
  isLoading: boolean;
  /** Asks again; what is shown stays until the new answer is there. */
  refresh(): void;
}

interface State<Data> {
  key: string;
  data: Data | null;
  error: RefusedError | null;
  isLoading: boolean;
}

const nothing = { data: null, error: null, isLoading: true };

/** The answer to a query, asked again whenever its variables change and whenever the service has come back. An answer that comes too late is dropped. */
export function useAnswer<Data, Variables extends AnyVariables>(
  api: Api,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Answer<Data> {
  const key = JSON.stringify(variables);
  const { returns } = useReach();
  const [version, setVersion] = useState(0);
  const [state, setState] = useState<State<Data>>({ ...nothing, key });
  const asking = useRef({ document, variables });
  asking.current = { document, variables };
  useEffect(() => {
    let isOver = version + returns < 0;
    const tell = (changes: Partial<State<Data>>) => {
      if (!isOver)
        setState((last) => ({
          ...(last.key === key ? last : { ...nothing, key }),
          isLoading: false,
          ...changes,
        }));
    };
    api.ask(asking.current.document, asking.current.variables).then(
      (data) => tell({ data, error: null }),
      (error: unknown) => tell({ error: refusalFrom(error) }),
    );
    return () => {
      isOver = true;
    };
  }, [api, key, version, returns]);
  const { data, error, isLoading }: Omit<State<Data>, 'key'> = state.key === key ? state : nothing;
  return { data, error, isLoading, refresh: useCallback(() => setVersion((last) => last + 1), []) };
}

/** Whatever was thrown, as a refusal. */
export function refusalFrom(error: unknown): RefusedError {
  return error instanceof RefusedError ? error : new RefusedError(String(error), null);
}
