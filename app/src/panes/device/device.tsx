/** The device chip: where edits run and in what state, in two words; opened, the facts, and which
 * tasks this device does not offer and why, where edits may run, and what they have cost. */
import type { TaskOffer } from 'nearfield'
import { useEffect, useRef } from 'react'
import type { ModelState } from '../../assist/model'
import { serverEdits } from '../../assist/model'
import { TASKS } from '../../assist/tasks'
import { backendName } from '../../assist/where'
import { formatBytes } from '../../document/format'
import { FactList } from '../../shell/facts'
import { openers } from '../../shell/openers'
import { useModel, useModelStore } from '../../shell/use'
import { CopyReport } from './copy-report'
import './device.css'
import { Ledger } from './ledger'
import { ModeChoice } from './mode-choice'
import { ModelAsk } from './model-ask'

export function Device() {
  const state = useModel()
  const byServer = useModelStore(serverEdits)
  const panel = useRef<HTMLDivElement>(null)
  const chip = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    openers.device = () => panel.current?.showPopover?.()
    return () => {
      delete openers.device
    }
  }, [])
  return (
    <>
      <button
        ref={chip}
        type="button"
        className="chip"
        data-state={byServer ? 'server' : state.kind}
        popoverTarget="device"
      >
        <span className="dot" />
        <span>
          {byServer ? (
            <>
              Server<span className="medium">{beside(state)}</span>
            </>
          ) : (
            <>
              {state.kind === 'ready' && <span className="medium">This device: </span>}
              {chipText(state)}
            </>
          )}
        </span>
      </button>
      <div
        ref={panel}
        id="device"
        className="device"
        popover="auto"
        role="dialog"
        aria-label="Device and model"
      >
        <h2>{byServer ? 'The server edits' : TITLES[state.kind]}</h2>
        <ModelAsk onDone={() => chip.current?.focus()} />
        <ModeChoice />
        <Ledger />
        <Facts state={state} />
        <CopyReport />
      </div>
    </>
  )
}

const TITLES: Record<ModelState['kind'], string> = {
  unknown: 'Looking for the model',
  unavailable: 'No model here',
  absent: 'No model in this browser yet',
  opening: 'The model is on its way',
  ready: 'Edits run on this device',
  failed: 'The model stopped',
}

/** What the device does while the server edits. */
function beside(state: ModelState): string {
  switch (state.kind) {
    case 'opening':
      return `, ${chipText(state).toLowerCase()}`
    case 'ready':
      return ' first'
    case 'failed':
      return ', no model'
    default:
      return ' edits'
  }
}

function chipText(state: ModelState): string {
  switch (state.kind) {
    case 'unknown':
      return 'Model…'
    case 'unavailable':
      return 'No model'
    case 'absent':
      return 'No model yet'
    case 'failed':
      return 'Model stopped'
    case 'ready': {
      const { backend, state: now } = state.nearfield.status
      return now === 'loading' ? 'starting again…' : backendName(backend)
    }
    case 'opening':
      if (state.broke) return 'Trying again…'
      return state.stage === 'download' && state.total > 0
        ? `Model ${Math.floor((100 * state.loaded) / state.total)} %`
        : 'Starting…'
  }
}

function Facts({ state }: { state: ModelState }) {
  if (state.kind !== 'ready') return null
  const { status } = state.nearfield
  const { backend, backendReason, gpu, kernels, threads, isolated, cached } = status
  const bytes = status.model?.bytes || state.facts.bytes
  const cpu = `CPU, ${threads === 1 ? 'one thread' : `${threads} threads`}, ${kernels} kernels`
  const rows: [string, string][] = [
    ['Model', `${status.model?.id ?? state.facts.id}, ${formatBytes(bytes)}`],
    ['Offline', cached ? 'ready' : 'not stored: it is fetched again next time'],
    ['Runs on', backend === 'webgpu' ? 'GPU (WebGPU)' : cpu],
    ['Why there', backendReason],
  ]
  if (gpu) rows.push(['GPU', gpu])
  if (!isolated) rows.push(['Isolation', 'off: one thread only'])
  const offered = status.tasks.filter((one) => one.offered)
  rows.push(['Tasks', offered.map(({ task }) => TASKS[task].label).join(', ')])
  return (
    <>
      <h3>The model here</h3>
      <FactList rows={rows} />
      <NotOffered tasks={status.tasks.filter((one) => !one.offered)} />
    </>
  )
}

/** Why the device does not do the rest. */
function NotOffered({ tasks }: { tasks: readonly TaskOffer[] }) {
  if (tasks.length === 0) return null
  return (
    <>
      <h3>Not offered: doing nothing is better</h3>
      <FactList rows={tasks.map(({ task, why }) => [TASKS[task].label, why] as const)} />
    </>
  )
}
