// What the codec throws: the bytes, or the object, are not of the type they should be.

export class DecodeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DecodeError';
  }
}

export class EncodeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EncodeError';
  }
}

/** Deeper than any real object (a CRD's schema nests deepest), shallower than the stack. */
export const DEPTH_MAX = 100;
