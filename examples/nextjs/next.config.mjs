/** @type {import('next').NextConfig} */
export default {
  output: 'standalone',
  outputFileTracingRoot: import.meta.dirname,
  // Where the site lives. Next.js writes it into every link and script when it builds.
  basePath: process.env.BASE_PATH ?? '',
  // No optimiser: it would cache in a folder that cannot be written, and each instance would do the work again.
  images: { unoptimized: true },
  poweredByHeader: false,
  async redirects() {
    return [{ source: '/old', destination: '/', permanent: false }];
  },
};
