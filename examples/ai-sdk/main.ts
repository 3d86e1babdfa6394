/** The AI SDK over a local model: the call is the one of any other provider. */
import { streamText } from 'ai'
import { createNearfield } from 'nearfield/ai-sdk'

const nearfield = createNearfield({ model: '/models/smollm2-135m-instruct.q4_1/' })
const answer = document.getElementById('answer')!

document.getElementById('ask')!.onclick = async () => {
  const prompt = 'Say one sentence about the sea.'
  const { textStream, usage } = streamText({
    model: nearfield(),
    prompt,
    temperature: 0,
    maxOutputTokens: 16,
  })
  for await (const piece of textStream) answer.append(piece)
  answer.dataset.tokens = String((await usage).outputTokens)
}
