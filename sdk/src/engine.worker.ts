/**
 * The worker's entry: hears the calls of one page object and owns that object's runtime. Started
 * by worker_start.ts; also, by worker/threads.ts, as one more thread of an engine, and by
 * worker/hasher.ts, for what its name says.
 * Read next: worker/serve.ts, worker/open.ts, worker/captions.ts.
 */
import { NearfieldError } from './error.ts'
import { packCues, packFindings, packMeasures, unpackCues, unpackStrings } from './pack.ts'
import type { FromWorker, HashAsked, ThreadStart, ToWorker } from './protocol.ts'
import { fetchAdapter, keepAdapter } from './worker/adapters.ts'
import { lint, measure } from './worker/caption_lint.ts'
import { parse, write } from './worker/captions.ts'
import { compileModule } from './worker/compile.ts'
import { tellHashes } from './worker/hasher.ts'
import { type Opened, openHost } from './worker/open.ts'
import { markPersisted } from './worker/persisted.ts'
import { type Runtime, startRuntime } from './worker/runtime.ts'
import { serveCalls } from './worker/serve.ts'
import { serveAsThread } from './worker/threads.ts'

const CAPTION_BYTES_MAX = 2 ** 30

let wasm = ''
let model: Opened | null = null
let forCaptions: Promise<Runtime> | null = null

function opened(): Opened {
  if (!model) throw new NearfieldError('closed', 'no model is open')
  return model
}

function captionRuntime(): Promise<Runtime> {
  forCaptions ??= compileModule(wasm, false).then((compiled) =>
    startRuntime(compiled, CAPTION_BYTES_MAX),
  )
  forCaptions.catch(() => {
    forCaptions = null // the next call tries again
  })
  return forCaptions
}

const post = (message: FromWorker) => self.postMessage(message)

const onCall = serveCalls(post, {
  async open(args, context) {
    model = await openHost(
      wasm,
      args,
      context,
      (status) => post({ kind: 'status', status }),
      () => post({ kind: 'kept' }),
    )
    return model.status()
  },
  async adapter({ url }, { signal }) {
    const file = await fetchAdapter(url, signal)
    const adapter = await opened().host.adapter(file, signal)
    void keepAdapter(url, adapter.sha256, file)
    return adapter
  },
  edit: async (request, { signal, sentAt }) => opened().edit(request, signal, sentAt),
  generate: async (request, { signal, sentAt, piece }) =>
    opened().host.generate(request, signal, sentAt, piece),
  tokens: async ({ messages }, { signal }) => opened().host.tokens(messages, signal),
  bench: async ({ repeats }, { signal }) => opened().host.bench(repeats, signal),
  async parse(args) {
    const file = parse(await captionRuntime(), args)
    return { ...file, cues: packCues(file.cues) }
  },
  write: async (args) => write(await captionRuntime(), { ...args, cues: unpackCues(args.cues) }),
  lint: async (args) =>
    packFindings(lint(await captionRuntime(), { ...args, cues: unpackCues(args.cues) })),
  measure: async (args) =>
    packMeasures(measure(await captionRuntime(), { ...args, texts: unpackStrings(args.texts) })),
})

/** open() is told by its answer, where it has not given one yet. */
function onPersisted(): void {
  markPersisted()
  if (model) post({ kind: 'status', status: model.status() })
}

self.onmessage = ({ data }: MessageEvent<ToWorker | ThreadStart | HashAsked>) => {
  if (data.kind === 'thread') void serveAsThread(data)
  else if (data.kind === 'hash') void tellHashes(data)
  else if (data.kind === 'start') wasm = data.wasm
  else if (data.kind === 'persisted') onPersisted()
  else onCall(data)
}
