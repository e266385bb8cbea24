/**
 * The published language of Tidings in TypeScript. `generated/` is made from the Rust types; by
 * hand are only what no schema says: when to come back, which log a kind is in, groups of frames.
 */

export * from './generated/constants.ts';
export type * from './generated/types.ts';
export * from './close.ts';
export type * from './content.ts';
export type * from './frame.ts';
export * from './ids.ts';
