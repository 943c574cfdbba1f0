// The schema by the rules of GraphQL-ESLint (recommended, Relay), the clients' operations by its recommended ones. Whatever is
// not as these rules have it stands here with its reason. Run from the repository's root: `npm run lint` does.

import { readdirSync } from 'node:fs';
import graphql from '@graphql-eslint/eslint-plugin';

const schema = 'schema.graphql';
const clients = ['partner-app', 'customer-portal'];
// One for all files: the plugin keeps the first that it meets.
const graphQLConfig = { schema, documents: clients.map(client => `clients/${client}/*.graphql`) };
const rule = name => `@graphql-eslint/${name}`;

// Values and records: part of what they stand below, with no identity of their own that a client could keep them by.
const values = [
  'AccessRecord',
  'AccessStatusCount',
  'AddOn',
  'BillingLine',
  'BillingStatement',
  'ClassVisibility',
  'CommercialTotals',
  'ComponentMatch',
  'EvidenceFile',
  'ExposedPartner',
  'ExposedUser',
  'Exposure',
  'FindingChange',
  'Money',
  'OperatingModelCount',
  'OperatingModelPreview',
  'PageInfo',
  'PartnerDashboard',
  'Plan',
  'PlanAddOn',
  'PostureChanges',
  'PosturePoint',
  'PostureSummary',
  'PostureTotals',
  'PrepaidLicenses',
  'RoleBinding',
  'ScanReport',
  'SecurityConfiguration',
  'SeverityCounts',
  'SlaPolicy',
  'Trial',
  'Usage',
  'UsageAlert',
  'UserError',
];

const operations = clients.map(client => ({
  files: [`clients/${client}/*.graphql`],
  languageOptions: {
    parser: graphql.parser,
    parserOptions: { graphQLConfig },
  },
  plugins: { '@graphql-eslint': graphql },
  rules: {
    ...graphql.configs['flat/operations-recommended'].rules,
    // Relay wants operations named by their file and their kind: `CustomerListQuery` in `CustomerList.graphql`.
    [rule('naming-convention')]: [
      'error',
      {
        VariableDefinition: 'camelCase',
        'OperationDefinition[operation=query]': { style: 'PascalCase', requiredSuffixes: ['Query'] },
        'OperationDefinition[operation=mutation]': { style: 'PascalCase', requiredSuffixes: ['Mutation'] },
        'OperationDefinition[operation=subscription]': { style: 'PascalCase', requiredSuffixes: ['Subscription'] },
        FragmentDefinition: { requiredPattern: /^[A-Z][A-Za-z]*_[a-z][A-Za-z]*$/ },
      },
    ],
    // The gateway's own limit (`QUERY_TOO_DEEP`) is 20; pages of lists take four levels by themselves.
    [rule('selection-set-depth')]: ['error', { maxDepth: 12 }],
  },
}));

export default [
  {
    files: [schema],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // Beside `edges`, lists have `nodes`; and what is few and bounded (ids asked for, days, add-ons) is a plain list. What no
      // one looks up by id (records, users, keys) is no `Node`.
      [rule('relay-edge-types')]: [
        'error',
        { withEdgeSuffix: true, listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false },
      ],
      [rule('strict-id-in-types')]: ['error', { exceptions: { types: values, suffixes: ['Connection', 'Edge', 'Payload'] } }],
      // It takes GraphQL's own `@specifiedBy`, which the exported schema declares, for unreachable; a type that nothing reaches
      // the schema's tests find (`graphql/classes`).
      [rule('no-unreachable-types')]: 'off',
    },
  },
  ...operations,
];

// A client without a rule of its own here would not be looked at.
for (const folder of readdirSync(new URL('.', import.meta.url), { withFileTypes: true })) {
  if (!folder.isDirectory() || clients.includes(folder.name)) continue;
  const files = readdirSync(new URL(`${folder.name}/`, import.meta.url));
  if (files.some(file => file.endsWith('.graphql'))) throw new Error(`clients/${folder.name} is not linted`);
}
