/** Called between two pieces of work by whoever must not hold others up; resolves when the next piece may begin. */
export type Rest = () => Promise<void>;
