export default { testEnvironment: 'node', testMatch: ['**/recipes/*.test.mjs'], transform: {} };
