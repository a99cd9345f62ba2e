// Who sits here, for the audit record. Kept in this browser until it is changed.

const KEY = 'crossdock.actor'

class Person {
  name = $state(localStorage.getItem(KEY) ?? '')

  keep(name: string): void {
    this.name = name.trim()
    localStorage.setItem(KEY, this.name)
  }

  /** As the audit record has it. */
  get actor(): string {
    return this.name === '' ? 'console' : `${this.name} (console)`
  }
}

export const person = new Person()
