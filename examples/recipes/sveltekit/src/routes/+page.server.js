export const load = ({ url }) => ({ name: url.searchParams.get('name') ?? 'SvelteKit' });

export const actions = {
  default: async ({ request }) => ({ name: String((await request.formData()).get('name')) }),
};
