/**
 * The frame of the two dialogues about a video: a native modal, what the server can do asked when
 * it opens, and what stands in the way said in place of the form. Read next: transcribe.tsx,
 * export.tsx.
 */
import type { ReactNode, RefObject } from 'react'
import { useEffect, useId, useRef, useState } from 'react'
import { formatBytes } from '../../document/format'
import type { JobKind } from '../../jobs/client'
import type { JobsState, Video } from '../../jobs/jobs'
import { isSame, percent } from '../../jobs/jobs'
import { chooseMedia } from '../../jobs/media'
import { openers } from '../../shell/openers'
import { useApp, useEditor, useJobs } from '../../shell/use'
import './jobs.css'

interface FrameProps {
  readonly of: VideoDialog
  readonly kind: JobKind
  readonly title: string
  /** The form, once the server can do it. Its [data-first] has the focus. */
  readonly children: ReactNode
}

export function JobDialog({ of, kind, title, children }: FrameProps) {
  const { dialog, video, shown, close, closed } = of
  const { jobs } = useApp()
  const offer = useJobs((state) => state.offer)
  const running = useJobs((state) => state.running)
  const id = useId()
  const refusal = jobs.refusal(kind)
  const stands = `${running !== null} ${offer.kind} ${refusal} ${video !== null}`
  // What stands here changes while it is open, after the platform's own first focus.
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was focused may have gone
  useEffect(() => {
    const box = dialog.current
    if (!shown || !box?.open) return
    const first =
      box.querySelector<HTMLElement>('[data-first]') ?? box.querySelector('input, button')
    if (first instanceof HTMLElement) first.focus()
  }, [shown, stands, dialog])
  return (
    <dialog ref={dialog} className="job-dialog" aria-labelledby={id} onClose={closed}>
      <h2 id={id}>{title}</h2>
      {!shown ? null : running ? (
        <Instead text={`${running.name} is not done yet; one at a time.`} onClose={close} />
      ) : offer.kind === 'unknown' ? (
        <Instead text="Asking the server…" onClose={close} />
      ) : offer.kind === 'locked' ? (
        <TokenForm refused={offer.refused} onClose={close} />
      ) : refusal ? (
        <Instead text={INSTEAD[kind]} line={refusal} onClose={close}>
          <button type="button" className="primary" onClick={() => void jobs.look()}>
            Look again
          </button>
        </Instead>
      ) : (
        children
      )}
    </dialog>
  )
}

interface FootProps {
  /** What the first button says and does. */
  readonly submit: string
  /** It has the focus when the dialogue opens. */
  readonly first: boolean
  readonly ready: boolean
  readonly onCancel: () => void
}

export function JobFoot({ submit, first, ready, onCancel }: FootProps) {
  return (
    <div className="job-foot">
      <button
        type="submit"
        className="primary"
        data-first={first ? '' : undefined}
        aria-disabled={!ready}
      >
        {submit}
      </button>
      <button type="button" onClick={onCancel}>
        Cancel
      </button>
    </div>
  )
}

const INSTEAD: Record<JobKind, string> = {
  transcribe: 'This server does not transcribe. It says:',
  render: 'This server does not export videos. It says:',
}

interface InsteadProps {
  readonly text: string
  readonly line?: string
  readonly onClose: () => void
  readonly children?: ReactNode
}

function Instead({ text, line, onClose, children }: InsteadProps) {
  return (
    <>
      <p role="status">{text}</p>
      {line && <p className="server-line">{line}</p>}
      <div className="job-foot">
        {children}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </>
  )
}

function TokenForm({ refused, onClose }: { refused: boolean; onClose: () => void }) {
  const { jobs } = useApp()
  const [token, setToken] = useState('')
  const id = useId()
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (token.trim()) void jobs.unlock(token)
      }}
    >
      <p role="status">
        {refused
          ? 'The server does not know this token. Its operator gives out others.'
          : 'This server wants a token; its operator gives it out. It is kept until this tab closes.'}
      </p>
      <div className="job-row">
        <label htmlFor={id}>Token</label>
        <input
          id={id}
          type="password"
          autoComplete="off"
          value={token}
          aria-invalid={refused}
          onChange={(event) => setToken(event.target.value)}
        />
      </div>
      <div className="job-foot">
        <button type="submit" className="primary" aria-disabled={!token.trim()}>
          Use it
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  )
}

export interface VideoDialog {
  readonly dialog: RefObject<HTMLDialogElement | null>
  readonly shown: boolean
  /** The one that was dropped or chosen, else the one the server has of this project. */
  readonly video: Video | null
  readonly setFile: (file: File) => void
  readonly open: (given?: File) => void
  readonly close: () => void
  readonly closed: () => void
}

export function useVideoDialog(): VideoDialog {
  const { jobs } = useApp()
  const dialog = useRef<HTMLDialogElement>(null)
  const remote = useEditor((state) => state.project?.video ?? null)
  const [file, setFile] = useState<File | null>(null)
  const [shown, setShown] = useState(false)
  const open = (given?: File) => {
    setFile(given ?? null)
    setShown(true)
    openers.video = setFile
    void jobs.look()
    if (!dialog.current?.open) dialog.current?.showModal()
  }
  useEffect(() => () => void delete openers.video, [])
  // The event comes late: by then it may have been opened again.
  const closed = () => {
    if (dialog.current?.open) return
    delete openers.video
    setShown(false)
  }
  const close = () => dialog.current?.close()
  return { dialog, shown, video: file ?? remote, setFile, open, close, closed }
}

interface VideoRowProps {
  readonly kind: JobKind
  readonly video: Video | null
  readonly onChoose: (file: File) => void
}

export function VideoRow({ kind, video, onChoose }: VideoRowProps) {
  const { jobs } = useApp()
  const id = useId()
  const rest = useJobs((state) => state.rest)
  const problem = video instanceof File ? jobs.fileProblem(kind, video) : ''
  const goesOn = problem || !rest ? '' : restWords(rest, video)
  const size = video ? (video instanceof File ? video.size : video.bytes) : 0
  const choose = async () => {
    const file = await chooseMedia()
    if (file) onChoose(file)
  }
  return (
    <>
      <div className="job-row">
        <span id={`${id}-name`}>Video</span>
        <div className="job-video">
          <p id={`${id}-video`}>
            {video ? (
              <>
                <span className="file-name">{video.name}</span>{' '}
                <small>
                  {formatBytes(size)}
                  {!(video instanceof File) && ', on the server already'}
                </small>
              </>
            ) : (
              <small>Drop a video {kind === 'transcribe' && 'or sound '}here, or</small>
            )}
          </p>
          <button
            type="button"
            data-first={video ? undefined : ''}
            aria-describedby={`${id}-video`}
            onClick={() => void choose()}
          >
            {video ? 'Another…' : 'Choose…'}
          </button>
        </div>
      </div>
      {problem && (
        <p className="job-problem" role="alert">
          {problem}
        </p>
      )}
      {goesOn && (
        <p className="job-note" role="status">
          {goesOn}
        </p>
      )}
    </>
  )
}

/** What will be sent of it, when the server has a part of a video; '': nothing. */
function restWords(rest: NonNullable<JobsState['rest']>, video: Video | null): string {
  const { name } = rest.of
  const part = `${percent(rest)} %`
  if (!video) return `The server has ${part} of ${name}: choose it again, and it goes on there.`
  if (!(video instanceof File)) return ''
  if (isSame(rest.of, video)) return `The server has ${part} of it: sending goes on there.`
  return `It is sent from its start: it is not the ${name} that the server has ${part} of.`
}

interface SelectRowProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [T, string])[]
  readonly onChange: (value: T) => void
}

export function SelectRow<T extends string>({
  label,
  value,
  options,
  onChange,
}: SelectRowProps<T>) {
  const id = useId()
  return (
    <div className="job-row">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map(([code, name]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
    </div>
  )
}

interface ChoiceProps<T extends string> extends SelectRowProps<T> {
  readonly name: string
}

export function ChoiceRow<T extends string>(props: ChoiceProps<T>) {
  const { label, name, value, options, onChange } = props
  return (
    <fieldset className="job-row">
      <legend>{label}</legend>
      <div>
        {options.map(([code, words]) => (
          <label key={code} className="job-choice">
            <input
              type="radio"
              name={name}
              checked={value === code}
              onChange={() => onChange(code)}
            />{' '}
            {words}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
