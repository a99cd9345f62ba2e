// Single keys for people who do not want to reach for the mouse. They can be switched off (WCAG 2.1.4).

import { ALL_PAGES } from './pages'
import { router } from './router.svelte'

const SWITCH = 'crossdock.shortcuts'
const CHORD_MS = 1_500

class Shortcuts {
  isOn = $state(localStorage.getItem(SWITCH) !== 'off')
  isHelpOpen = $state(false)
  #chordUntil = 0

  toggle(): void {
    this.isOn = !this.isOn
    localStorage.setItem(SWITCH, this.isOn ? 'on' : 'off')
  }

  press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (event.key === 'Escape' && document.activeElement?.id === 'find') {
      document.getElementById('title')?.focus()
      return
    }
    if (!this.isOn || isWriting(event.target) || document.querySelector('dialog[open]')) return
    if (event.timeStamp < this.#chordUntil) {
      this.#chordUntil = 0
      const page = ALL_PAGES.find((page) => page.key === event.key.toLowerCase())
      if (page) {
        event.preventDefault()
        router.go(page.path)
        return
      }
    }
    if (event.key === 'g') {
      this.#chordUntil = event.timeStamp + CHORD_MS
    } else if (event.key === '/') {
      const find = document.getElementById('find')
      if (find instanceof HTMLInputElement) {
        event.preventDefault()
        find.focus()
        find.select()
      }
    } else if (event.key === '?') {
      event.preventDefault()
      this.isHelpOpen = true
    }
  }
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  const isTextField = target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type)
  return isTextField || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable
}

export const shortcuts = new Shortcuts()
