/**
 * `nearfield/react`: a model and its edits as hooks. A model is opened once for all components that
 * ask for it and closed when none does any more; what an unmounted component has asked for is
 * cancelled. On a server nothing is opened. Needs React 19.
 * @module nearfield/react
 */
import {
  use,
  useCallback,
  useEffect,
  useInsertionEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import type { EditRequest, EditResult, Nearfield, Variant, VariantsRequest } from './index.ts'
import { type ModelOptions, type ModelState, modelOf, NOTHING } from './react/models.ts'

export type { ModelOptions, ModelState } from './react/models.ts'

export interface UseNearfieldOptions extends ModelOptions {
  /**
   * Suspends until open() has resolved (with `server` that is at once, without the model), and throws
   * to the error boundary when it rejects.
   */
  suspense?: boolean
}

/**
 * A model for as long as the component is mounted; null: none yet (nothing is downloaded).
 * @example
 * ```tsx
 * import { useNearfield } from 'nearfield/react'
 *
 * export function Loading() {
 *   const { nearfield, progress, error } = useNearfield({
 *     model: '/models/smollm2-135m-instruct.q4_1/',
 *   })
 *   if (error) return <p>No model: {error.message}</p>
 *   if (nearfield) return <p>Ready on {nearfield.status.backend}</p>
 *   return <progress value={progress?.loaded ?? 0} max={progress?.total ?? 1} />
 * }
 * ```
 */
export function useNearfield(options: UseNearfieldOptions | null): ModelState {
  const inPage = typeof document !== 'undefined'
  const model = options && inPage ? modelOf(options) : null
  const state = useSyncExternalStore(
    model?.subscribe ?? subscribeToNothing,
    () => model?.state ?? NOTHING,
    () => NOTHING,
  )
  if (!options?.suspense || !model) return state
  const nearfield = use(model.wait())
  return { ...model.state, nearfield }
}
const subscribeToNothing = () => () => {}

/** What has been asked for. */
export interface WorkState<Value> {
  /** Of what was asked last; null before, while it runs and when it failed. */
  result: Value | null
  pending: boolean
  /** Why it failed; not that it was cancelled, superseded by its key or ended by close(). */
  error: Error | null
}
const IDLE = { result: null, pending: false, error: null }

/** The last of what was asked for: a newer one ends the older, and so does the end of its component. */
function useWork<Request, Value>(
  run: (request: Request, signal: AbortSignal) => Promise<Value>,
): WorkState<Value> & { ask(request: Request): Promise<Value | null>; cancel(): void } {
  const [state, setState] = useState<WorkState<Value>>(IDLE)
  const running = useRef<AbortController | null>(null)
  const gone = useRef(false)
  const newest = useRef(run)
  useEffect(() => {
    newest.current = run
  })
  const end = useCallback(() => {
    running.current?.abort()
    running.current = null
  }, [])
  useEffect(() => end, [end])
  // Of all effects only these end at the unmount alone: StrictMode runs the others twice, children's
  // first, and a child that asks in its own would be refused.
  useInsertionEffect(() => {
    gone.current = false
    return () => {
      gone.current = true
    }
  }, [])
  const cancel = useCallback(() => {
    end()
    setState((now) => (now.pending ? { ...now, pending: false } : now))
  }, [end])
  const ask = useCallback(
    async (request: Request) => {
      if (gone.current) return null
      end()
      const own = new AbortController()
      running.current = own
      setState({ ...IDLE, pending: true })
      try {
        const result = await newest.current(request, own.signal)
        if (running.current !== own) return null
        setState({ ...IDLE, result })
        return result
      } catch (error) {
        const why = error as Error
        const failed = why.name === 'AbortError' ? null : why
        if (running.current === own) setState({ ...IDLE, error: failed })
        return null
      }
    },
    [end],
  )
  return { ...state, ask, cancel }
}

/** A request without its signal, which the hook owns. */
export type Asked<Request> = Omit<Request, 'signal'>

/**
 * One edit at a time. `edit()` resolves to null when it was cancelled or failed, and `error` says
 * why; it never rejects.
 * @example
 * ```tsx
 * import { useEdit, useNearfield } from 'nearfield/react'
 *
 * export function Fix({ text, onChange }: { text: string; onChange(text: string): void }) {
 *   const { nearfield } = useNearfield({ model: '/models/smollm2-135m-instruct.q4_1/' })
 *   const { edit, pending } = useEdit(nearfield)
 *   const fix = async () => {
 *     const fixed = await edit({ task: 'fix', text })
 *     if (fixed) onChange(fixed.text)
 *   }
 *   return <button disabled={!nearfield || pending} onClick={fix}>Fix</button>
 * }
 * ```
 */
export function useEdit(nearfield: Nearfield | null): WorkState<EditResult> & {
  /** Ends the one before. */
  edit(request: Asked<EditRequest>): Promise<EditResult | null>
  /** Ends what runs; its edit() resolves to null. */
  cancel(): void
} {
  const { ask: edit, ...work } = useWork((request: Asked<EditRequest>, signal) =>
    ready(nearfield).then((nf) => nf.edit({ ...request, signal })),
  )
  return { ...work, edit }
}

/**
 * The versions of one text. As useEdit().
 * @example
 * ```tsx
 * import type { Nearfield } from 'nearfield'
 * import { useVariants } from 'nearfield/react'
 *
 * export function Versions({ nearfield, text }: { nearfield: Nearfield | null; text: string }) {
 *   const { ask, variants } = useVariants(nearfield)
 *   return (
 *     <ul onClick={() => ask({ task: 'formal', text, n: 3 })}>
 *       {variants.map((one) => <li key={one.text}>{one.text}</li>)}
 *     </ul>
 *   )
 * }
 * ```
 */
export function useVariants(nearfield: Nearfield | null): WorkState<EditResult> & {
  /** As they came; none before. */
  variants: readonly Variant[]
  /** Ends the one before; resolves to null when it was cancelled or failed. */
  ask(request: Asked<VariantsRequest>): Promise<EditResult | null>
  /** Ends what runs; its ask() resolves to null. */
  cancel(): void
} {
  const work = useWork(async ({ n = 3, ...request }: Asked<VariantsRequest>, signal) => {
    const nf = await ready(nearfield)
    return nf.edit({ ...request, variants: n, signal })
  })
  return { ...work, variants: work.result?.variants ?? NONE }
}
const NONE: readonly Variant[] = []

async function ready(nearfield: Nearfield | null): Promise<Nearfield> {
  if (!nearfield) throw new Error('the model is not ready')
  return nearfield
}
