import { createMemoryStorage } from '../../../src/storage/memory.js';
import { describeStorage } from '../../support/storage-contract.js';

describeStorage('memory', async () => ({ storage: createMemoryStorage(), close: async () => {} }));
