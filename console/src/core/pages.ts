// The pages people can go to, in the order of the navigation. A page is listed when it exists.

import type { PageName } from './router.svelte'

export interface NavPage {
  page: PageName
  path: string
  name: string
  /** Pressed behind `g`. */
  key: string
  icon: IconName
}

export interface NavGroup {
  name: string
  pages: NavPage[]
}

export type IconName =
  | 'overview' | 'find' | 'entities' | 'exceptions' | 'paused' | 'messages' | 'rejections'
  | 'ok' | 'waiting' | 'problem' | 'menu' | 'close' | 'arrow' | 'play' | 'chevron'

export const NAVIGATION: NavGroup[] = [
  {
    name: 'Business',
    pages: [
      { page: 'overview', path: '/', name: 'Overview', key: 'o', icon: 'overview' },
      { page: 'find', path: '/find', name: 'Find', key: 'f', icon: 'find' },
      { page: 'entities', path: '/entities', name: 'Entities', key: 'n', icon: 'entities' },
    ],
  },
  {
    name: 'Waiting for people',
    pages: [
      { page: 'exceptions', path: '/exceptions', name: 'Exceptions', key: 'e', icon: 'exceptions' },
      { page: 'paused', path: '/paused', name: 'Paused', key: 'p', icon: 'paused' },
    ],
  },
  {
    name: 'Traffic',
    pages: [
      { page: 'messages', path: '/messages', name: 'Messages', key: 'm', icon: 'messages' },
      { page: 'rejections', path: '/rejections', name: 'Rejections', key: 'r', icon: 'rejections' },
    ],
  },
]

export const ALL_PAGES: NavPage[] = NAVIGATION.flatMap((group) => group.pages)
