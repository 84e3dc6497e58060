'use client';

export default function Failed() {
  return <h1>Something went wrong here</h1>;
}
