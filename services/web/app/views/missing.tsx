// What stands where nothing is.

import { useApp } from "../ui/app-context.ts";
import { Heading } from "../ui/parts.tsx";
import { Link } from "../ui/router.tsx";

/** Nothing is at this address. */
export function MissingView() {
  const { brand, paths } = useApp();
  return (
    <div className="narrow">
      <Heading title="Nothing is here" brand={brand} />
      <p className="lead">The address is not one of this page, or what it led to is gone.</p>
      <p className="actions">
        <Link to={paths.stores()} className="button">
          Go to the stores
        </Link>
      </p>
    </div>
  );
}
