/** For the tests of one file: what they start keeps its rows on the PostgreSQL server that shared-postgres.ts has started. */
process.env['TEST_POSTGRES_URL'] = process.env['SHARED_POSTGRES_URL'];
