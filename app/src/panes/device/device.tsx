/** The device chip: where edits run and in what state, one word; the facts when it is opened. */
import { useEffect, useRef } from 'react'
import type { ModelState } from '../../assist/model'
import { formatBytes } from '../../document/format'
import { openers } from '../../shell/openers'
import { useModel } from '../../shell/use'
import './device.css'
import { ModelAsk } from './model-ask'

export function Device() {
  const state = useModel()
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
        data-state={state.kind}
        popoverTarget="device"
      >
        <span className="dot" />
        {chipText(state)}
      </button>
      <div
        ref={panel}
        id="device"
        className="device"
        popover="auto"
        role="dialog"
        aria-label="Device and model"
      >
        <h2>{TITLES[state.kind]}</h2>
        <Facts state={state} />
        <ModelAsk onDone={() => chip.current?.focus()} />
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

export function chipText(state: ModelState): string {
  switch (state.kind) {
    case 'unknown':
      return 'Model…'
    case 'unavailable':
      return 'No model'
    case 'absent':
      return 'No model yet'
    case 'failed':
      return 'Model stopped'
    case 'ready':
      return 'This device'
    case 'opening':
      return state.stage === 'download' && state.total > 0
        ? `Model ${Math.floor((100 * state.loaded) / state.total)} %`
        : 'Starting…'
  }
}

function Facts({ state }: { state: ModelState }) {
  if (state.kind !== 'ready') return null
  const { status } = state.nearfield
  const { backend, kernels, threads, isolated, cached } = status
  const bytes = status.model?.bytes || state.facts.bytes
  const rows: [string, string][] = [
    ['Model', status.model?.id ?? state.facts.id],
    ['Size', formatBytes(bytes)],
    [
      'Runs on',
      backend === 'webgpu'
        ? 'GPU (WebGPU)'
        : `CPU, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    ],
    ['Kernels', kernels === 'relaxed' ? 'relaxed SIMD' : kernels],
    ['Offline', cached ? 'ready' : 'not stored: it is fetched again next time'],
  ]
  if (!isolated) rows.push(['Isolation', 'off: one thread only'])
  return (
    <dl>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
