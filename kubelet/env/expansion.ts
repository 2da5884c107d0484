// `$(NAME)` in commands, arguments and values. `$$` is a dollar; an unknown name stays as it is.

const REFERENCE = /\$(?:\$|\(([^()]*)\))/g;

export const expand = (text: string, lookUp: (name: string) => string | undefined): string =>
  text.replace(REFERENCE, (whole: string, name: string | undefined) =>
    whole === '$$' ? '$' : (lookUp(name ?? '') ?? whole),
  );
