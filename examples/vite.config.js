/** One page for each folder; there is no index.html above them. */
const pages = ['page', 'react', 'ai-sdk']

export default {
  build: {
    target: 'esnext', // top-level await
    rolldownOptions: {
      input: Object.fromEntries(
        pages.map((name) => [name, `${import.meta.dirname}/${name}/index.html`]),
      ),
    },
  },
}
