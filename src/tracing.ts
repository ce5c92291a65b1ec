import {
  type Attributes,
  type Context,
  context,
  type ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';

const scope = 'claimcheck';

/** Adds attributes to a span. They hold no text of a client's but for names of operations, and nothing secret. */
export type Note = (attributes: Attributes) => void;

const noteNothing: Note = () => undefined;

/** The tracer of the SDK that is registered; null if there is none. Then nothing at all is done for tracing. */
function currentTracer(): Tracer | null {
  const provider = trace.getTracerProvider();
  if (!('getDelegateTracer' in provider)) return provider.getTracer(scope);
  return (provider as ProxyTracerProvider).getDelegateTracer(scope) ?? null;
}

export const isTracing = (): boolean => currentTracer() !== null;

/** Runs `work` in a span below the current one. `kind` says on which side of another system it is. */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  work: (note: Note) => Promise<T>,
  kind: keyof typeof SpanKind = 'INTERNAL',
): Promise<T> {
  const tracer = currentTracer();
  if (!tracer) return work(noteNothing);
  return tracer.startActiveSpan(name, { kind: SpanKind[kind], attributes }, async (span) => {
    try {
      return await work((more) => span.setAttributes(more));
    } catch (error) {
      span.setAttribute('error.type', typeOf(error)).setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** As `inSpan`, for what is of interest only as a part of something else. */
export function inInnerSpan<T>(
  name: string,
  attributes: Attributes,
  work: (note: Note) => Promise<T>,
  kind: keyof typeof SpanKind,
): Promise<T> {
  return trace.getActiveSpan() ? inSpan(name, attributes, work, kind) : work(noteNothing);
}

/** Adds attributes to the current span. */
export const noteInSpan: Note = (attributes) => void trace.getActiveSpan()?.setAttributes(attributes);

/** Messages may have anything in them. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** Has work that other events begin later belong to the span that is current now. */
export function keepSpan(): <T>(work: () => T) => T {
  const kept = context.active();
  return kept === ROOT_CONTEXT ? (work) => work() : (work) => context.with(kept, work);
}

/** The span of a request from its first hook to the end of its answer. */
export interface RequestSpan {
  /** Runs `work` below it. */
  run(work: () => void): void;
  /** `status` is null if the client was gone before it had any. */
  end(status: number | null): void;
}

/** Begins the span of a request, in the trace that its `traceparent` names. */
export function beginRequestSpan(
  name: string,
  attributes: Attributes,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): RequestSpan | null {
  const tracer = currentTracer();
  if (!tracer) return null;
  const parent: Context = propagation.extract(ROOT_CONTEXT, headers);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  const own = trace.setSpan(parent, span);
  return {
    run: (work) => context.with(own, work),
    end: (status) => {
      if (status !== null) span.setAttribute('http.response.status_code', status);
      const error = status === null ? 'aborted' : status >= 500 ? String(status) : null;
      if (error !== null) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}
