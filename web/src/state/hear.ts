/** Lets a view hear of a part of the store: reading it in a derived value or an effect subscribes. */

import type { Client, Topic } from '@tidings/client';
import { createSubscriber } from 'svelte/reactivity';

const subscribers = new WeakMap<Client, Map<Topic, () => void>>();

/** Call it where the part is read. */
export function hear(client: Client, topic: Topic): void {
  let topics = subscribers.get(client);
  if (!topics) subscribers.set(client, (topics = new Map()));
  let subscribe = topics.get(topic);
  if (!subscribe) {
    subscribe = createSubscriber((update) => client.store.topics.on(topic, update));
    topics.set(topic, subscribe);
  }
  subscribe();
}
