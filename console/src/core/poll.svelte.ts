// Keeps an answer of the hub fresh: asks again every two seconds while somebody looks, slower while nobody answers.
// Asking is chosen over a stream of events because it needs no state at either end, passes every proxy, works with a
// token in a header, and a hub that restarts is simply asked again.

import { Problem, sentence } from './api'

const EVERY_MS = 2_000
const SLOWEST_MS = 15_000

export class Poll<T> {
  /** The last good answer. */
  value = $state.raw<T>()
  /** Why the last question failed; gone with the next good answer. */
  problem = $state.raw<Problem>()
  /** When the last good answer came, as milliseconds. */
  freshAt = $state(0)

  #ask: (signal: AbortSignal) => Promise<T>
  #timer: ReturnType<typeof setTimeout> | undefined
  #under_way: AbortController | undefined
  #text = ''
  #failures = 0
  #isOn = false
  #onVisible = () => {
    if (document.visibilityState === 'visible') this.now()
  }

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask
  }

  /** Begins; returns what ends it. Fits an `$effect`. */
  start(): () => void {
    this.#isOn = true
    document.addEventListener('visibilitychange', this.#onVisible)
    this.now()
    return () => this.stop()
  }

  stop(): void {
    this.#isOn = false
    document.removeEventListener('visibilitychange', this.#onVisible)
    clearTimeout(this.#timer)
    this.#under_way?.abort()
  }

  /** Asks at once. */
  now(): void {
    clearTimeout(this.#timer)
    this.#under_way?.abort()
    void this.#turn(new AbortController())
  }

  get isLoading(): boolean {
    return this.value === undefined && this.problem === undefined
  }

  async #turn(controller: AbortController): Promise<void> {
    this.#under_way = controller
    try {
      const value = await this.#ask(controller.signal)
      if (controller.signal.aborted) return
      // The same answer again changes nothing on the page.
      const text = JSON.stringify(value)
      if (text !== this.#text) {
        this.#text = text
        this.value = value
      }
      this.problem = undefined
      this.freshAt = Date.now()
      this.#failures = 0
    } catch (error) {
      if (controller.signal.aborted) return
      this.problem = error instanceof Problem ? error : new Problem(0, '', sentence(error))
      this.#failures += 1
    }
    if (!this.#isOn) return
    const wait = Math.min(EVERY_MS * 2 ** Math.min(this.#failures, 10), SLOWEST_MS)
    const isSeen = document.visibilityState === 'visible'
    if (isSeen) this.#timer = setTimeout(() => this.now(), this.#failures > 0 ? wait : EVERY_MS)
  }
}
