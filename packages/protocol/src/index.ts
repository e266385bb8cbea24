/** The published language of Tidings in TypeScript: types, limits and close codes; no behaviour. */

export * from './close.ts';
export * from './content.ts';
export * from './event.ts';
export * from './frame.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './refusal.ts';
export * from './rest.ts';
export * from './summary.ts';
