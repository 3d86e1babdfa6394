/** A text field whose text a local model can fix. The model is opened once for the whole page. */
import { useEdit, useNearfield } from 'nearfield/react'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'

const MODEL = { model: '/models/smollm2-135m-instruct.q4_1/' }

function Caption() {
  const [text, setText] = useState('she go to the libary')
  const { nearfield, progress, error } = useNearfield(MODEL)
  const { edit, pending, result } = useEdit(nearfield)
  const fix = async () => {
    const fixed = await edit({ task: 'fix', text })
    if (fixed) setText(fixed.text)
  }
  if (error) return <p role="alert">{error.message}</p>
  return (
    <p>
      <input value={text} onChange={(event) => setText(event.target.value)} />
      <button type="button" disabled={!nearfield || pending} onClick={fix}>
        Fix
      </button>
      <output>{result ? result.verdict : (progress?.stage ?? '')}</output>
    </p>
  )
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Caption />
  </StrictMode>,
)
