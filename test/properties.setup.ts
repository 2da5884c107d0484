// Properties draw anew at each local run, so that they find more with time. In CI they draw the same
// every time: a red run there is about the change, and whoever ran it can repeat it.

import fc from 'fast-check';

const { CI, WHERRY_SEED } = process.env;

if (WHERRY_SEED !== undefined) fc.configureGlobal({ seed: Number(WHERRY_SEED) });
else if (CI !== undefined) fc.configureGlobal({ seed: 1 });
