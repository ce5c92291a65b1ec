/** An Event shares what its fields hold, but for one; other record types are there to compare. */
export const sharedPolicies = {
  policies: {
    album: { sharing: 'SHARED' },
    few: { sharing: 'SHARED', maxCount: 5 },
    pictures: { sharing: 'SHARED', acceptedTypes: { 'image/png': ['.png'] } },
    small: { sharing: 'SHARED', maxFileSize: 100 },
  },
  recordTypes: {
    Event: {
      policy: 'album',
      fields: {
        few: { policy: 'few' },
        pictures: { policy: 'pictures' },
        small: { policy: 'small' },
        own: { policy: 'default' },
      },
    },
    Task: { policy: 'default' },
    Picture: { policy: 'pictures' },
    Note: { policy: 'small' },
  },
};
