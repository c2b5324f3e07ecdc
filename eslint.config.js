import js from 'typescript-eslint';
import vue from 'eslint-plugin-vue';
import vueParser from 'vue-eslint-parser';

/** Who may import whom. The arrows run one way: shared ← renderer, shared ← main ← hosts. */
const only = (files, patterns) => ({ files, rules: { 'no-restricted-imports': ['error', { patterns }] } });
const forbid = (group, message) => ({ group, message });

// As an expression: a group pattern would match every path with a folder of that name.
const noElectron = { regex: '^electron(/|$)', message: 'Only main/electron may import electron.' };
const noSpectron = forbid(['spectron', 'webdriverio'], 'Only test/e2e/driver may import spectron.');
const noNode = forbid(['node:*'], 'This layer runs in the browser or everywhere: no Node.js modules.');
const noMain = forbid(['#main/*'], 'This layer may not reach into main.');
const noRenderer = forbid(['#renderer/*'], 'This layer may not reach into the renderer.');
const noTest = forbid(['#test/*'], 'Product code may not import test code.');

export default js.config(
  { ignores: ['out/**', 'dist/**', 'node_modules/**', 'test-results/**', 'coverage/**', '.cache/**', 'test/samples/**', '**/*.d.ts', 'main/agents/python/**'] },
  ...js.configs.recommended,
  ...vue.configs['flat/recommended'],
  { files: ['**/*.vue'], languageOptions: { parser: vueParser, parserOptions: { parser: js.parser } } },
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'No default exports.' }],
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/attributes-order': 'off',
      'vue/require-default-prop': 'off',
      eqeqeq: ['error', 'always'],
      'no-throw-literal': 'error',
    },
  },
  { files: ['*.config.{js,ts}', 'build/**', '**/*.vue', '**/*.cjs'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['test/tools/**', '**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  only(['shared/**'], [noElectron, noSpectron, noNode, noMain, noRenderer, noTest]),
  only(['renderer/**'], [noElectron, noSpectron, noNode, noMain, noTest]),
  only(['main/**'], [noElectron, noSpectron, noRenderer, noTest]),
  only(['main/electron/**'], [noSpectron, noRenderer, noTest]),
  only(
    ['main/heap/**'],
    [
      noElectron,
      noSpectron,
      noRenderer,
      noTest,
      forbid(['#main/*', '#shared/rpc/*', '#shared/contracts/*', '#shared/format/*', '!#main/heap/*'], 'The heap engine is pure: shared/model and Node.js only.'),
    ],
  ),
  only(['test/**'], [noElectron, noSpectron]),
  only(['test/e2e/driver/**'], [noElectron]),
);
