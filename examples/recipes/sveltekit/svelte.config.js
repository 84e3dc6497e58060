import adapter from '@sveltejs/adapter-node';

// Scripts, styles and links are relative (the default of paths.relative), so that the stage's prefix does no harm.
export default { kit: { adapter: adapter() } };
