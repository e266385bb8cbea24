/** Profiles by id. Those that are missing are asked for together, a moment later, and once. */

import { USERS_PER_QUERY_MAX, type UserId, type UserProfile } from '@tidings/protocol';

export class Users {
  private readonly profiles = new Map<UserId, UserProfile>();
  /** Asked for, with or without an answer yet. */
  private readonly asked = new Set<UserId>();
  private wanted: UserId[] = [];

  get(id: UserId): UserProfile | undefined {
    return this.profiles.get(id);
  }

  all(): UserProfile[] {
    return [...this.profiles.values()];
  }

  /** Takes profiles; gives those that are new or changed. */
  put(profiles: readonly UserProfile[]): UserProfile[] {
    return profiles.filter((profile) => {
      const known = this.profiles.get(profile.id);
      this.profiles.set(profile.id, profile);
      return (
        known?.display_name !== profile.display_name ||
        known.username !== profile.username ||
        known.kind !== profile.kind ||
        known.role !== profile.role
      );
    });
  }

  /** Notes that a profile is needed; true when it has to be asked for. */
  want(id: UserId): boolean {
    if (this.profiles.has(id) || this.asked.has(id)) return false;
    this.asked.add(id);
    this.wanted.push(id);
    return true;
  }

  /** Whether there are ids to ask for. */
  wants(): boolean {
    return this.wanted.length > 0;
  }

  /** The next ids to ask for. */
  take(): UserId[] {
    return this.wanted.splice(0, USERS_PER_QUERY_MAX);
  }

  /** The question got no answer; it may be asked again. */
  failed(ids: readonly UserId[]): void {
    for (const id of ids) this.asked.delete(id);
  }

  clear(): void {
    this.profiles.clear();
    this.asked.clear();
    this.wanted = [];
  }
}
