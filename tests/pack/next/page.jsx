'use client'
import { useEdit, useNearfield } from 'nearfield/react'
import { useState } from 'react'

const MODEL = { model: '/models/small/' }

export default function Page() {
  const [text, setText] = useState('she go to the libary')
  const { nearfield, progress, error } = useNearfield(MODEL)
  const { edit, pending, result } = useEdit(nearfield)
  const fix = async () => {
    const fixed = await edit({ task: 'fix', text })
    if (fixed) setText(fixed.text)
  }
  return (
    <p>
      <input value={text} onChange={(event) => setText(event.target.value)} />
      <button type="button" disabled={!nearfield || pending} onClick={fix}>
        Fix
      </button>
      <output data-threads={nearfield?.status.threads}>
        {error ? error.message : result ? result.verdict : (progress?.stage ?? '')}
      </output>
    </p>
  )
}
