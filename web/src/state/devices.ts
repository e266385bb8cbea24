/** Where one is signed in. */

import type { DeviceId, DeviceInfo } from '@tidings/protocol';
import { rest } from './browser.ts';

/** Newest first; the one in hand says so. */
export async function readDevices(): Promise<DeviceInfo[]> {
  return (await rest.devices()).devices;
}

/** Signs a device out: its token is worth nothing from then on. */
export async function removeDevice(device: DeviceId): Promise<void> {
  await rest.removeDevice(device);
}
