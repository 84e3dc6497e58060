'use client';

import { useEffect, useState } from 'react';

export default function Clock() {
  const [ticks, setTicks] = useState([]);
  useEffect(() => {
    const source = new EventSource(`${process.env.NEXT_PUBLIC_BASE_PATH}/ticks`);
    source.onmessage = (event) => setTicks((ticks) => [...ticks, event.data]);
    source.onerror = () => source.close();
    return () => source.close();
  }, []);
  return <ul>{ticks.map((tick) => <li key={tick}>{tick}</li>)}</ul>;
}
