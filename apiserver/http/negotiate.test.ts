import { expect, test } from 'vitest';
import { formOf, formsOf } from './negotiate.ts';

test('nothing, anything and JSON all mean JSON', () => {
  for (const accept of [undefined, '', '*/*', 'application/*', 'application/json']) {
    expect(formOf(accept)).toEqual({ media: 'json' });
  }
});

test("kubectl's header for tables asks for a table", () => {
  const accept =
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
  expect(formOf(accept)).toEqual({ media: 'json', as: 'Table', version: 'v1' });
  expect(formsOf(accept)).toHaveLength(3);
});

test('an unknown view is passed over for the next form', () => {
  expect(formOf('application/json;as=Chart;v=v1;g=meta.k8s.io,application/json')).toEqual({
    media: 'json',
  });
  expect(formOf('application/json;as=Table;v=v7;g=meta.k8s.io, application/yaml')).toEqual({
    media: 'yaml',
  });
});

test('protobuf first, JSON second keeps the order, weights change it', () => {
  const media = (accept: string) => formsOf(accept).map((form) => form.media);
  expect(media('application/vnd.kubernetes.protobuf,application/json')).toEqual([
    'protobuf',
    'json',
  ]);
  expect(media('application/json;q=0.5, application/yaml')).toEqual(['yaml', 'json']);
  expect(media('application/json;q=0, application/yaml')).toEqual(['yaml']);
});

test('a form that the server does not have is not acceptable', () => {
  expect(() => formOf('text/html')).toThrow('only the following media types are accepted');
});
