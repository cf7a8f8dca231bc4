"""ResourceQuota admission: what an object uses is charged before the object is stored."""
