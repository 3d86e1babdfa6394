/** "Copy report": the SDK's diagnosis into the clipboard, or shown where that may not be written. */
import { useState } from 'react'
import { reason } from '../../assist/model'
import { useApp } from '../../shell/use'
import { copyText } from './copy-text'

type Copying =
  | { readonly kind: 'not' | 'making' | 'copied' }
  | { readonly kind: 'shown'; readonly text: string }

const LINES: Record<Copying['kind'], string> = {
  not: 'About this browser and its last edits; no caption is in it.',
  making: 'Looking…',
  copied: 'Copied. No caption is in it.',
  shown: 'The clipboard is closed to this page: copy it from here.',
}

export function CopyReport() {
  const { editor } = useApp()
  const [copying, setCopying] = useState<Copying>({ kind: 'not' })
  const copy = async () => {
    if (copying.kind === 'making') return
    setCopying({ kind: 'making' })
    const report = editor.model.report()
    try {
      await copyText(report)
      setCopying({ kind: 'copied' })
      editor.announce('Report copied')
    } catch {
      await show(report)
    }
  }
  const show = async (report: Promise<string>) => {
    try {
      setCopying({ kind: 'shown', text: await report })
      editor.announce(LINES.shown)
    } catch (error) {
      setCopying({ kind: 'not' })
      editor.notify('error', `There is no report: ${reason(error)}`)
    }
  }
  return (
    <div className="report">
      <button
        type="button"
        aria-disabled={copying.kind === 'making'}
        aria-describedby="report-line"
        onClick={() => void copy()}
      >
        Copy report
      </button>
      <span id="report-line">{LINES[copying.kind]}</span>
      {copying.kind === 'shown' && (
        <textarea readOnly aria-label="Report" value={copying.text} rows={8} />
      )}
    </div>
  )
}
